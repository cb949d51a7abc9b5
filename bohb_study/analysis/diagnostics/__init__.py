"""What a run did besides its result: rungs, suggestions of a model, time, resumption."""
