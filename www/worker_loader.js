// Starts a worker. Its program is a module whose start is asked for, not begun by being imported.
import init from "./worker.js";
await init();
