"""Metrics with intervals, calibration and operating points: pure functions of arrays."""
