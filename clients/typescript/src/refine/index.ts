// Providers for refine.

export {};
