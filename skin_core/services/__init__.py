"""What pages and the command line call: keyword-only functions that validate first and return plain values."""
