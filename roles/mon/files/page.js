// Copyright (c) 2026, egee.box contributors
// GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
// SPDX-License-Identifier: GPL-3.0-or-later
// Draws the site of site.json, which the monitoring host makes anew all the time.
"use strict";

const WORDS = { ok: "works", failed: "fails", stale: "out of date", down: "down", unchecked: "not checked" };
const NAMES = {
  wms: "Workload management", lb: "Logging and bookkeeping", myproxy: "MyProxy", voms: "VOMS", ce: "Computing element",
  se: "Storage element", ui: "User interface", bdii: "Site BDII", topbdii: "Top BDII", mon: "Monitoring",
  batch: "Batch server", wn: "Worker node",
};
const MIB = 1048576;
const DAY = 86400;
const at = (id) => document.getElementById(id);

// An element: its tag with classes, its attributes, and what is in it. Text is never read as HTML.
function make(what, attributes, ...inside) {
  const [tag, ...classes] = what.split(".");
  const drawn = ["svg", "g", "rect", "line", "polyline", "text", "title"].includes(tag);
  const element = drawn ? document.createElementNS("http://www.w3.org/2000/svg", tag) : document.createElement(tag);
  if (classes.length) element.setAttribute("class", classes.join(" "));
  for (const [name, value] of Object.entries(attributes || {})) element.setAttribute(name, value);
  element.append(...inside.filter((one) => one !== null && one !== undefined));
  return element;
}

// A share of the whole, as a width; set by script because the page allows no styles of its own elsewhere.
function wide(element, share) {
  element.style.width = `${Math.max(0, Math.min(100, 100 * share)).toFixed(2)}%`;
  return element;
}

const short = (name) => name.split(".")[0];
const plural = (count, word) => `${count} ${word}${count === 1 ? "" : "s"}`;
function ago(seconds) {
  if (seconds < 90) return `${Math.max(0, Math.round(seconds))} s`;
  if (seconds < 5400) return `${Math.round(seconds / 60)} min`;
  if (seconds < 2 * DAY) return `${Math.round(seconds / 3600)} h`;
  return plural(Math.round(seconds / DAY), "day");
}

function serviceCard(service, now) {
  const items = service.checks.map((check) => {
    const bad = check.state !== "ok";
    const since = check.state === "stale" ? `last tried ${ago(now - check.seen)} ago` : bad ? `for ${ago(now - check.since)}` : "";
    return make(`li.${check.state}`, {}, make("span", {}, check.name, bad ? make("span.quiet", {}, ` ${since}`) : null,
      check.fault ? make("span.why", {}, check.fault) : null));
  });
  if (service.state === "down") {
    items.splice(0, items.length, make("li.down", {}, make("span.why", {}, "The host does not answer.")));
  } else if (!items.length) {
    items.push(make("li.unchecked", {}, "No check of its own."));
  }
  return make(`article.card.${service.state}`, {},
    make("div.top", {}, make("h3", {}, NAMES[service.service] || service.service),
      make(`span.pill.${service.state}`, {}, WORDS[service.state])),
    make("p.quiet", {}, service.host), make("ul", {}, ...items));
}

function sparkline(values) {
  const known = values.filter((value) => value !== null);
  if (known.length < 2) return make("span.quiet", {}, "–");
  const most = Math.max(...known), width = 90, height = 18;
  const points = values.map((value, n) => [n * width / (values.length - 1), value]).filter(([, value]) => value !== null)
    .map(([x, value]) => `${x.toFixed(1)},${(height - 1 - value / most * (height - 3)).toFixed(1)}`);
  return make("svg.spark", { width, height, role: "img", "aria-label": "memory used over the last day" },
    make("polyline", { points: points.join(" ") }));
}

function expiry(when, now, early) {
  if (when === null) return make("span.quiet", {}, "–");
  const left = when - now;
  if (left < 0) return make("span.bad", {}, "expired");
  return make(left < early ? "span.warn" : "span", {}, ago(left));
}

function hostRow(host, now) {
  const used = host.used === null ? null : host.used / MIB;
  const share = used === null ? 0 : used / host.memory;
  const gauge = make(share > 0.9 ? "span.gauge.tight" : "span.gauge", {}, wide(make("i"), share));
  const memory = host.up && used !== null
    ? make("div.memory", {}, gauge, make("span", {}, `${Math.round(used)} of ${host.memory} MiB`))
    : make("div.memory", {}, make("span.quiet", {}, `${host.memory} MiB`));
  const failed = host.failed.map((unit) => unit.replace(/\.service$/, "")).join(", ");
  const units = !host.up ? make("span.quiet", {}, "–") : make(failed ? "span.bad" : "span", {}, failed || "all run");
  const state = host.up ? "ok" : "down";
  const disk = host.disk === null ? make("span.quiet", {}, "–")
    : make(host.disk > 0.9 ? "span.bad" : "span", {}, `${Math.round(100 * host.disk)} %`);
  return make(`tr.${state}`, {}, make("td", {}, make("strong", {}, short(host.name))),
    make("td", {}, make(`span.pill.${state}`, {}, host.up ? "runs" : "down")), make("td", {}, memory),
    make("td", {}, sparkline(host.used_before)),
    make("td.number", {}, host.load === null ? "–" : host.load.toFixed(2)), make("td.number", {}, disk), make("td.units", {}, units),
    make("td.number", {}, expiry(host.certificate, now, 14 * DAY)), make("td.number", {}, expiry(host.crl, now, DAY)));
}

function machineCard(machine, hosts, now) {
  const { total, dom0 } = machine.memory;
  const shared = hosts.reduce((sum, host) => sum + host.memory, 0);
  const part = (kind, name, amount) => wide(make(kind, { title: `${name}: ${amount} MiB` }, amount / total > 0.035 ? name : ""), amount / total);
  const free = total - dom0 - shared;
  const head = ["Domain", "State", "Memory really used", "Last day", "Load", "Disk", "Units", "Certificate", "CRL"];
  return make("article.card.machine", {},
    make("div.top", {}, make("h3", {}, machine.name),
      make("span.quiet", {}, `${total} MiB: ${dom0} for itself, ${shared} for ${plural(hosts.length, "domain")}, ${free} free`)),
    make("div.split", {}, part("span.dom0", "dom0", dom0),
      ...hosts.map((host) => part(host.up ? "span" : "span.down", short(host.name), host.memory)),
      free > 0 ? part("span.free", "free", free) : null),
    make("div.wide", {}, make("table", {},
      make("thead", {}, make("tr", {}, ...head.map((name) => make(["Load", "Disk", "Certificate", "CRL"].includes(name) ? "th.number" : "th", {}, name)))),
      make("tbody", {}, ...hosts.map((host) => hostRow(host, now))))));
}

// Stacked columns, a step each; each VO a colour.
function chart(title, site, series) {
  const width = 560, height = 180, left = 34, bottom = 20, top = 6;
  const steps = series[0].values.length;
  const sums = series[0].values.map((_, n) => series.reduce((sum, one) => sum + one.values[n], 0));
  const most = Math.max(1, ...sums);
  const unit = 10 ** Math.floor(Math.log10(most));
  const nice = most < 2 ? 1 : [1, 2, 4, 6, 8, 10].map((one) => one * unit).find((one) => one >= most);
  const x = (n) => left + n * (width - left) / steps;
  const y = (value) => top + (height - top - bottom) * (1 - value / nice);
  const marks = [];
  for (const value of nice === 1 ? [0, 1] : [0, nice / 2, nice]) {
    marks.push(make("line.grid", { x1: left, x2: width, y1: y(value), y2: y(value) }),
      make("text", { x: left - 6, y: y(value) + 4, "text-anchor": "end" }, String(value)));
  }
  for (let hours = site.hours; hours >= 0; hours -= site.hours / 4) {
    const when = new Date(1000 * (site.made - 3600 * hours));
    marks.push(make("text", { x: left + (width - left) * (1 - hours / site.hours), y: height - 4, "text-anchor": hours === site.hours ? "start" : hours === 0 ? "end" : "middle" },
      when.toLocaleTimeString([], { hour: "2-digit", minute: "2-digit" })));
  }
  const columns = [];
  sums.forEach((sum, n) => {
    let below = 0;
    series.forEach((one, vo) => {
      const value = one.values[n];
      if (value > 0) {
        columns.push(make(`rect.v${vo % 5}`, { x: x(n).toFixed(1), width: Math.max(1, (width - left) / steps - 1).toFixed(1),
          y: y(below + value).toFixed(1), height: (y(below) - y(below + value)).toFixed(1) }, make("title", {}, `${one.name}: ${Math.round(value)}`)));
      }
      below += value;
    });
  });
  return make("article.card", {}, make("h3", {}, title),
    make("svg", { viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": title }, ...marks, ...columns),
    make("div.legend", {}, ...series.map((one, vo) => make("span", {}, make(`i.v${vo % 5}`), one.name))));
}

function jobsPart(site) {
  if (!site.jobs.length) return [make("p.card.quiet", {}, "There are no VOs.")];
  const hours = (seconds) => (seconds / 3600).toFixed(seconds < 36000 ? 2 : 0);
  const rows = site.jobs.map((one) => {
    const failed = Object.entries(one.ended).reduce((sum, [status, count]) => status === "completed" ? sum : sum + count, 0);
    return make("tr", {}, make("td", {}, make("strong", {}, one.vo)), ...[one.there.accepted || 0, one.there.batch || 0,
      one.ended.completed || 0].map((count) => make("td.number", {}, String(count))),
      make("td.number", {}, make(failed ? "span.warn" : "span", {}, String(failed))),
      make("td.number", {}, hours(one.wall)), make("td.number", {}, hours(one.cpu)),
      make("td.number", {}, one.wall ? `${Math.round(100 * one.cpu / one.wall)} %` : "–"));
  });
  const head = ["VO", "Accepted", "In the batch system", "Completed", "Failed", "Hours, slots × time", "Hours, CPU", "Efficiency"];
  return [
    make("div.charts", {},
      chart("Jobs on the site", site, site.jobs.map((one) => ({ name: one.vo, values: one.there_before }))),
      chart(`Jobs ended, each ${site.step / 60} minutes`, site, site.jobs.map((one) => ({ name: one.vo, values: one.ended_before })))),
    make("article.card.wide", {}, make("h3", {}, "Accounting by VO"), make("table", {},
      make("thead", {}, make("tr", {}, ...head.map((name, n) => make(n ? "th.number" : "th", {}, name)))), make("tbody", {}, ...rows))),
  ];
}

function draw(site, now) {
  document.title = `${site.site}: the site now`;
  at("site").textContent = site.site;
  const count = (state) => site.services.filter((service) => service.state === state).length;
  const bad = count("failed") + count("down"), stale = count("stale"), silent = site.hosts.filter((host) => !host.up).length;
  const units = site.hosts.reduce((sum, host) => sum + host.failed.length, 0);
  const expired = site.hosts.filter((host) => [host.certificate, host.crl].some((when) => when !== null && when < now)).length;
  const parts = [bad ? `${plural(bad, "service")} down` : "", silent ? `${plural(silent, "host")} silent` : "",
    units ? `${plural(units, "unit")} failed` : "", expired ? `expired on ${plural(expired, "host")}` : "", stale ? `${stale} out of date` : ""].filter(Boolean);
  const verdict = at("verdict");
  verdict.className = `pill ${bad || silent || units || expired ? "failed" : stale ? "stale" : "ok"}`;
  verdict.textContent = parts.join(", ") || "All is well";
  const worst = ["down", "failed", "stale", "unchecked", "ok"];
  const sorted = [...site.services].sort((one, other) => (worst.indexOf(one.state) < 3 ? worst.indexOf(one.state) : 3) - (worst.indexOf(other.state) < 3 ? worst.indexOf(other.state) : 3));
  at("services").replaceChildren(...sorted.map((service) => serviceCard(service, now)));
  at("machines").replaceChildren(...site.machines.map((machine) =>
    machineCard(machine, site.hosts.filter((host) => host.machine === machine.name), now)));
  at("jobs").replaceChildren(...jobsPart(site));
}

function age(site, now) {
  const old = now - site.made;
  at("made").textContent = `seen ${ago(old)} ago`;
  const stale = old > 4 * site.interval + 30;
  at("notice").hidden = !stale;
  if (stale) {
    at("notice").textContent = `This is how the site was ${ago(old)} ago: the monitoring host tells nothing newer.`;
    at("verdict").className = "pill stale";
    at("verdict").textContent = "Out of date";
  }
}

let last = null;
async function look() {
  try {
    const answer = await fetch("site.json", { cache: "no-store" });
    if (!answer.ok) throw new Error(`${answer.status} ${answer.statusText}`);
    const site = await answer.json();
    // The server's clock, not the reader's.
    const now = Date.parse(answer.headers.get("Date")) / 1000;
    last = { site, behind: Date.now() / 1000 - now };
    draw(site, now);
    age(site, now);
  } catch (error) {
    if (last) age(last.site, Date.now() / 1000 - last.behind);
    at("notice").hidden = false;
    at("notice").textContent = `The monitoring host does not answer (${error.message}).` + (last ? " What is below is old." : "");
    if (!last) {
      at("verdict").className = "pill stale";
      at("verdict").textContent = "Unknown";
    }
  }
  setTimeout(look, 1000 * (last ? last.site.interval : 30));
}
look();
