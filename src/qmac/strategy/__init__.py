"""What a combination of windows means, without any loop over the grid."""
