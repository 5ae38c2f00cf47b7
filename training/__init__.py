"""Making the weights: nobody imports this from the product."""
