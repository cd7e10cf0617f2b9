// A whiteboard: lines that stay, and the cursors of the others.
//
// Lines are messages of a room with a history. Cursors are messages of a room with `"slow": "conflate"`: a client that
// reads too slowly gets the newest cursor of each sender and misses the older ones, which are of no use.

import { type PointerEvent, StrictMode, useRef, useState } from "react";
import { createRoot } from "react-dom/client";
import { TidegateProvider, useConnection, useRoom } from "tidegate/react";
import { url } from "../register.js";

const WIDTH = 800;
const HEIGHT = 500;
/** At most one cursor in so many milliseconds. */
const PACE_MS = 40;

type Point = [x: number, y: number];

function Board() {
  const lines = useRoom("whiteboard", { history: 100 });
  const [cursors, setCursors] = useState<Record<string, { name: string; x: number; y: number }>>({});
  const pointing = useRoom("cursor-whiteboard", {
    onMessage: ({ sender, data }) => setCursors((all) => ({ ...all, [sender.id]: { name: sender.name, ...data } })),
  });
  const { user, status } = useConnection();
  const [line, setLine] = useState<Point[]>([]);
  const saidAt = useRef(0);

  const pointOf = ({ currentTarget, clientX, clientY }: PointerEvent<SVGSVGElement>): Point => {
    const { left, top, width, height } = currentTarget.getBoundingClientRect();
    const share = (value: number) => Math.min(1, Math.max(0, value));
    return [share((clientX - left) / width), share((clientY - top) / height)];
  };
  const move = (event: PointerEvent<SVGSVGElement>) => {
    const [x, y] = pointOf(event);
    if (event.buttons) setLine((points) => [...points, [x, y]]);
    if (event.timeStamp - saidAt.current < PACE_MS) return;
    saidAt.current = event.timeStamp;
    void pointing.send({ x, y }).catch(() => {}); // the next cursor says where it is
  };
  const finish = () => {
    if (line.length > 1) void lines.send(line).catch(console.error);
    setLine([]);
  };

  const here = new Set(pointing.members.map(({ id }) => id));
  return (
    <main>
      <h1>Whiteboard</h1>
      <p className="quiet">{status === "open" ? `${lines.members.length} here` : `${status} ...`}</p>
      <svg
        viewBox={`0 0 ${WIDTH} ${HEIGHT}`}
        role="img"
        aria-label="The board"
        onPointerMove={move}
        onPointerUp={finish}
      >
        {lines.messages.map(({ position, data }) => (
          <Line key={position.offset} points={data as Point[]} />
        ))}
        <Line points={line} />
        {Object.entries(cursors)
          .filter(([id]) => id !== user?.id && here.has(id))
          .map(([id, { name, x, y }]) => (
            <g key={id} transform={`translate(${x * WIDTH} ${y * HEIGHT})`}>
              <circle r="5" fill="#1565c0" />
              <text x="9" y="4" fontSize="14" fill="currentColor">
                {name}
              </text>
            </g>
          ))}
      </svg>
    </main>
  );
}

function Line({ points }: { points: readonly Point[] }) {
  const path = points.map(([x, y]) => `${x * WIDTH},${y * HEIGHT}`).join(" ");
  return <polyline points={path} fill="none" stroke="currentColor" strokeWidth="3" strokeLinejoin="round" />;
}

createRoot(document.getElementById("root") as HTMLElement).render(
  <StrictMode>
    <TidegateProvider url={url}>
      <Board />
    </TidegateProvider>
  </StrictMode>,
);
