"""Is the engine right, here and now? Replays, vectorbt, and the doctor."""
