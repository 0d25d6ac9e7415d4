"use strict";
/* JSON-RPC with the host over postMessage, as the MCP Apps extension has it. Nothing here knows what a connector is. */

const host = (() => {
  const waiting = new Map();
  const heard = new Map();
  let lastId = 0;

  const post = (message) => window.parent.postMessage({ jsonrpc: "2.0", ...message }, "*");
  const notify = (method, params = {}) => post({ method, params });

  /** The result of a request; an aborted signal cancels it at the host, and then it never settles. */
  function request(method, params, signal) {
    const id = ++lastId;
    return new Promise((resolve, reject) => {
      waiting.set(id, { resolve, reject });
      signal?.addEventListener("abort", () => {
        if (waiting.delete(id)) notify("notifications/cancelled", { requestId: id, reason: "Not needed any more" });
      });
      post({ id, method, params });
    });
  }

  function settle({ id, result, error }) {
    const asker = waiting.get(id);
    waiting.delete(id);
    if (error) asker?.reject(new Error(error.message || "The client refused the call."));
    else asker?.resolve(result ?? {});
  }

  function answer({ id, method, params }) {
    const known = method === "ping" || method === "ui/resource-teardown";
    heard.get(method)?.(params);
    post(known ? { id, result: {} } : { id, error: { code: -32601, message: "Method not found" } });
  }

  window.addEventListener("message", ({ source, data }) => {
    if (source !== window.parent || data?.jsonrpc !== "2.0") return;
    if (data.method === undefined) settle(data);
    else if (data.id === undefined) heard.get(data.method)?.(data.params ?? {});
    else answer(data);
  });

  return { notify, request, on: (method, handler) => heard.set(method, handler) };
})();
