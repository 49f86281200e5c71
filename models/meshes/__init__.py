"""Networks on several devices: what a step communicates."""
