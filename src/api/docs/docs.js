// Sends the request of a form and shows its answer. Without this script the page can still be read.
document.addEventListener("submit", async (event) => {
  event.preventDefault();
  const form = event.target;
  const headers = {};
  const token = document.getElementById("token").value.trim();
  if (token) headers.Authorization = "Bearer " + token;
  let path = form.dataset.path;
  let body;
  const query = new URLSearchParams();
  for (const input of form.querySelectorAll("[data-in]")) {
    const value = input.value.trim();
    if (!value) continue;
    if (input.dataset.in === "path") path = path.replace("{" + input.name + "}", encodeURIComponent(value));
    else if (input.dataset.in === "query") query.append(input.name, value);
    else if (input.dataset.in === "header") headers[input.name] = value;
    else { body = value; headers["Content-Type"] = "application/json"; }
  }
  const output = form.querySelector("output");
  const url = query.size ? path + "?" + query : path;
  output.textContent = "…";
  try {
    const answer = await fetch(url, { method: form.dataset.method.toUpperCase(), headers, body });
    const text = await answer.text();
    let shown = text;
    try { shown = JSON.stringify(JSON.parse(text), null, 2); } catch { /* no JSON: as it is */ }
    output.textContent = answer.status + " " + answer.statusText + "\n" + shown;
  } catch (error) {
    output.textContent = String(error);
  }
});
