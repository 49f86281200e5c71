"""Networks from the plans of nnU-Net and the bundles of MONAI: files that say which network to build."""
