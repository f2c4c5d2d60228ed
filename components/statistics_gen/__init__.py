"""StatisticsGen: TFX's artifact and TFDV's statistics, made on one machine without Beam."""
