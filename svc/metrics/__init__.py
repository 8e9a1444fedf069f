"""Events to daily facts to indicators. Reads events, writes facts; no service imports it."""
