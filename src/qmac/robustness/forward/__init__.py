"""Does the choice hold on bars it has not seen? Folds, and the account that follows."""
