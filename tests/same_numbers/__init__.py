"""What every table of the shipped scenarios held before the house was rebuilt, and whether it still holds it."""
