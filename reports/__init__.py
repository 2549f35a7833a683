"""Picture to numbers: charts, metrics and comparison reports."""
