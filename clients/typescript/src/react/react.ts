// What the hooks import of React, once: a bundler writes the import of another package again for each file that has it.

export {
  createContext,
  createElement,
  useContext,
  useEffect,
  useMemo,
  useRef,
  useState,
  useSyncExternalStore,
} from "react";
