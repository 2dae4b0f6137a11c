"""Speed, shown as ratios: each figure against a limit measured in the same run."""
