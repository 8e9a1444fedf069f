"""Files made to look genuine: one module a family of attacks, each made from a really signed decree."""
