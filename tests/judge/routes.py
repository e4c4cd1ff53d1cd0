"""All simple paths of a small network, by depth-first search over links."""


def simple_paths(links, origin, destination):
    """Return every path without a repeated node, as tuples of positions in ``links``; parallel links are two paths."""
    leaving = {}
    for position, link in enumerate(links):
        leaving.setdefault(link["from_node"], []).append((position, link["to_node"]))
    found = []

    def walk(node, path, seen):
        if node == destination:
            found.append(tuple(path))
            return
        for position, following in leaving.get(node, ()):
            if following not in seen:
                walk(following, [*path, position], seen | {following})

    walk(origin, [], {origin})
    return found
