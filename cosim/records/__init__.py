"""What is told of a period: named figures and rows, one record a simulator, and the tables made of them.

A field is named as the column that it becomes (`cosim.quantities`): a number or a word stands in the period's row,
`Rows` are the table that the field is named after. What is in no table is for the gate alone. `period.tables` goes one
way, `cosim.results.stored.read_records` the other.
"""
