"""What `benches/run` is made of: `systems` are measured by the `works`, and `report` holds them to the
`goals`."""
