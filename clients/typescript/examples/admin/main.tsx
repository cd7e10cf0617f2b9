// An admin of tasks with refine: a table that is always up to date, and a form that tells when another user was quicker.

import { type HttpError, Refine, useForm, useTable } from "@refinedev/core";
import { type FormEvent, StrictMode, useState } from "react";
import { createRoot } from "react-dom/client";
import { connect } from "tidegate";
import { dataProvider, liveProvider } from "tidegate/refine";
import { type App, RESOURCES, type Task, type TaskUpdate } from "../../../../generated/typescript/app.js";
import { url } from "../register.js";

const client = connect<App>(url, { resources: RESOURCES });

function Tasks() {
  const [edited, edit] = useState<Task>();
  const { result, tableQuery, currentPage, setCurrentPage, pageCount } = useTable<Task, HttpError>({
    resource: "tasks",
    pagination: { pageSize: 8 },
    sorters: {
      initial: [
        { field: "done", order: "asc" },
        { field: "priority", order: "asc" },
      ],
    },
  });

  return (
    <main>
      <h1>Tasks</h1>
      {tableQuery.error && <p role="alert">{tableQuery.error.message}</p>}
      <table>
        <thead>
          <tr>
            <th>Task</th>
            <th>Priority</th>
            <th>Done</th>
            <th />
          </tr>
        </thead>
        <tbody>
          {result.data.map((task) => (
            <tr key={task.id}>
              <td>{task.title}</td>
              <td>{task.priority}</td>
              <td>{task.done ? "yes" : "no"}</td>
              <td>
                <button type="button" onClick={() => edit(task)}>
                  Edit
                </button>
              </td>
            </tr>
          ))}
        </tbody>
      </table>
      <p className="quiet">
        {result.total} tasks, page {currentPage} of {pageCount}{" "}
        <button type="button" disabled={currentPage >= pageCount} onClick={() => setCurrentPage(currentPage + 1)}>
          Next
        </button>
      </p>
      {edited && <EditTask key={edited.id} task={edited} close={() => edit(undefined)} />}
    </main>
  );
}

/** `task` is the row as it was when the form was opened: what the user changes, and what the gateway compares. */
function EditTask({ task, close }: { task: Task; close: () => void }) {
  const { onFinish, mutation } = useForm<Task, HttpError, TaskUpdate>({
    resource: "tasks",
    action: "edit",
    id: task.id,
    redirect: false,
    queryOptions: { enabled: false },
    mutationMeta: { previousData: task },
  });
  const error = mutation.error;

  const save = async (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault();
    const given = new FormData(event.currentTarget);
    const title = String(given.get("title"));
    await onFinish({ title, priority: Number(given.get("priority")), done: given.has("done") }).then(close, () => {});
  };

  return (
    <form onSubmit={save} aria-label="Edit the task">
      <input name="title" aria-label="Title" defaultValue={task.title} />{" "}
      <input name="priority" aria-label="Priority" type="number" defaultValue={task.priority} />{" "}
      <label>
        <input name="done" type="checkbox" defaultChecked={task.done} /> done
      </label>{" "}
      <button type="submit">Save</button>{" "}
      <button type="button" onClick={close}>
        Cancel
      </button>
      {error && <p role="alert">{error.statusCode === 409 ? "Another user changed this task." : error.message}</p>}
    </form>
  );
}

createRoot(document.getElementById("root") as HTMLElement).render(
  <StrictMode>
    <Refine
      dataProvider={dataProvider(client)}
      liveProvider={liveProvider(client)}
      resources={[{ name: "tasks" }]}
      options={{ liveMode: "auto", disableTelemetry: true }}
    >
      <Tasks />
    </Refine>
  </StrictMode>,
);
