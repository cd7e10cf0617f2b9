"""The half of the protocol about rooms: members, messages, presence and history."""
