import { StrictMode } from "react";
import { createRoot } from "react-dom/client";
import { App } from "./app";
import { startLive } from "./live";
import "./style.css";

startLive();
const root = document.getElementById("root");
if (root) {
  createRoot(root).render(
    <StrictMode>
      <App />
    </StrictMode>,
  );
}
