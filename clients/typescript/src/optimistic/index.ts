// Optimistic writes.

export {};
