"""The paper's figures from our own results: one file a figure, each with its claims, drawn for page and print."""
