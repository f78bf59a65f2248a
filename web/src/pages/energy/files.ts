// Bills as pages and files.

import * as api from "../../api";

/** Opens the page of a bill. The window is opened first, in the click itself: later a browser would block it. */
export async function openInvoice(id: string) {
  const page = window.open("", "_blank");
  try {
    const html = new Blob([await api.invoicePage(id)], { type: "text/html" });
    const url = URL.createObjectURL(html);
    if (page) page.location.href = url;
    else location.href = url;
    setTimeout(() => URL.revokeObjectURL(url), 60_000);
  } catch (problem) {
    page?.close();
    throw problem;
  }
}
