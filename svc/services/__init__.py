"""Commands and queries: one public function a command, one unit of work each."""
