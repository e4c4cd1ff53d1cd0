"""What a run has to say: figures, the numbers at its end, and one offline page."""
