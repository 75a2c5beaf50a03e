"""What free text says, in many languages: a description of the phase, a label or a file's name of lesions and liver."""
