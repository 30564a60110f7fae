"""Learn: what happened, read and aligned; assumptions from it; a plan brought up to date; and how past plans did."""
