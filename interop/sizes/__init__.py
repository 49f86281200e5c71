"""Which sizes a network takes: paths through it, solved exactly, whatever framework traces it."""
