"""The named studies behind the paper, and the table that each of them gives."""
