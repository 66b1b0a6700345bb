// What stays in the browser: choices in localStorage, conversations in IndexedDB. Where the browser keeps
// nothing, the page works and forgets.

const PREFIX = "heng.";
const memory = new Map();

export function read(name, otherwise) {
  try {
    const text = localStorage.getItem(PREFIX + name);
    return text === null ? otherwise : JSON.parse(text);
  } catch {
    return memory.get(name) ?? otherwise;
  }
}

export function write(name, value) {
  memory.set(name, value);
  try {
    localStorage.setItem(PREFIX + name, JSON.stringify(value));
  } catch {
    // as above
  }
}

// The key of the server: of this tab alone.
export function read_key() {
  try {
    return sessionStorage.getItem(PREFIX + "key") ?? "";
  } catch {
    return memory.get("key") ?? "";
  }
}

export function write_key(key) {
  memory.set("key", key);
  try {
    sessionStorage.setItem(PREFIX + "key", key);
  } catch {
    // as above
  }
}

// Conversations, as conversation.js describes them.
const STORE = "conversations";
let database = null;

function promised(request) {
  return new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });
}

async function store(mode) {
  if (!database) {
    const opening = indexedDB.open("heng", 1);
    opening.onupgradeneeded = () => opening.result.createObjectStore(STORE, { keyPath: "id" });
    database = await promised(opening);
    database.onversionchange = () => database.close();
  }
  return database.transaction(STORE, mode).objectStore(STORE);
}

// Newest first.
export async function all_conversations() {
  const all = await promised((await store("readonly")).getAll());
  return all.sort((a, b) => b.changed - a.changed);
}

export async function keep(conversation) {
  await promised((await store("readwrite")).put(structuredClone(conversation)));
}

export async function forget(id) {
  await promised((await store("readwrite")).delete(id));
}
