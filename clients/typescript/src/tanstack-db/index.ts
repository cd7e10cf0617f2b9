// A collection for TanStack DB.

export {};
