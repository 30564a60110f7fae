"""One path of a plan, on plain arrays. The model is docs/model.md; only `simengine.simulation` calls in here."""
