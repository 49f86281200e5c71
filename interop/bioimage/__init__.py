"""Descriptions of the BioImage Model Zoo: the right numbers of a network, and what a description says wrongly."""
