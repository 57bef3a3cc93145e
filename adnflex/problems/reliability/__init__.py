"""How often and how long customers are without supply: rates of failures, what protection trips, the indices."""
