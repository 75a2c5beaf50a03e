"""Find the cases of a cohort in any form, and check that they can be what they are said to be."""
