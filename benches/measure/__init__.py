"""The implementation of `benches/run`: `works` measure `systems`, `report` compares the results with `goals`."""
