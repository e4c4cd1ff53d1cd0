"""What was compiled is kept by content up to a size: what was asked for least recently goes first."""

from dataclasses import dataclass

from cosim.dispatch.forms import Store


@dataclass(frozen=True)
class Built:
    name: str
    nbytes: int


def test_the_least_recently_asked_goes_first_and_the_latest_stays():
    store, made = Store[Built](largest_bytes=100), []

    def get(name, nbytes=40):
        return store.get(name, lambda: made.append(name) or Built(name, nbytes))

    for name in ("a", "b", "a", "c"):  # 120 bytes: "b" goes
        get(name)
    assert made == ["a", "b", "c"]
    get("a")
    assert made == ["a", "b", "c"]
    get("b")
    assert made == ["a", "b", "c", "b"]
    large = get("large", 1000)  # all others go; what is asked for now stays, whatever its size
    assert get("large", 1000) is large
    get("a")
    assert made == ["a", "b", "c", "b", "large", "a"]
