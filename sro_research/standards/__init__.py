"""What a program is held against: strict models of the YAML files below `params/standards/`."""
