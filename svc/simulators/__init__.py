"""Stand-ins for remote signing services: real HTTP servers with real keys of a certification authority of their own."""
