"""Compare networks on the same cases with the same budget: datasets, plans, trainings, predictions, judgement."""
