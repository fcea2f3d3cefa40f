"""Collections that outgrow one machine: shards in, one Parquet part each out, any scheduler."""
