// What the app keeps on the device: cards, the journey until it is over, a link until it is answered. No
// PIN, no 6 digits, no proof: these live as long as the page.
import type { StoredCard } from "./card.ts";
import type { Journey, Opening } from "./state.ts";

export interface Kept {
  cards: StoredCard[];
  journey: Journey | null;
  opening: Opening | null;
  installed: boolean;
}

export interface AppStorage {
  load(): Promise<Kept>;
  putCard(card: StoredCard): Promise<void>;
  deleteCard(id: string): Promise<void>;
  /** null forgets it. */
  save<K extends "journey" | "opening" | "installed">(key: K, value: Kept[K]): Promise<void>;
}

/** For tests: what a device would keep. */
export class MemoryStorage implements AppStorage {
  readonly kept: Kept = { cards: [], journey: null, opening: null, installed: true };

  load(): Promise<Kept> {
    return Promise.resolve(structuredClone(this.kept));
  }

  async putCard(card: StoredCard): Promise<void> {
    await this.deleteCard(card.id);
    this.kept.cards.push(structuredClone(card));
  }

  deleteCard(id: string): Promise<void> {
    this.kept.cards = this.kept.cards.filter((card) => card.id !== id);
    return Promise.resolve();
  }

  save<K extends "journey" | "opening" | "installed">(key: K, value: Kept[K]): Promise<void> {
    this.kept[key] = structuredClone(value);
    return Promise.resolve();
  }
}

function done<T>(request: IDBRequest<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error ?? new Error("IndexedDB"));
  });
}

/** The browser's database. A write is done when its transaction is. */
export class IndexedDbStorage implements AppStorage {
  readonly #database: IDBDatabase;

  private constructor(database: IDBDatabase) {
    this.#database = database;
  }

  static async open(): Promise<IndexedDbStorage> {
    const request = indexedDB.open("musubi-standin", 1);
    request.onupgradeneeded = () => {
      request.result.createObjectStore("cards", { keyPath: "id" });
      request.result.createObjectStore("state");
    };
    return new IndexedDbStorage(await done(request));
  }

  async load(): Promise<Kept> {
    const transaction = this.#database.transaction(["cards", "state"]);
    const state = transaction.objectStore("state");
    const value = (key: string): Promise<unknown> => done(state.get(key) as IDBRequest<unknown>);
    const [cards, journey, opening, installed] = await Promise.all([
      done(transaction.objectStore("cards").getAll() as IDBRequest<StoredCard[]>),
      value("journey") as Promise<Journey | null | undefined>,
      value("opening") as Promise<Opening | null | undefined>,
      value("installed") as Promise<boolean | undefined>,
    ]);
    return { cards, journey: journey ?? null, opening: opening ?? null, installed: installed ?? true };
  }

  putCard(card: StoredCard): Promise<void> {
    return this.#write("cards", (store) => store.put(card));
  }

  deleteCard(id: string): Promise<void> {
    return this.#write("cards", (store) => store.delete(id));
  }

  save<K extends "journey" | "opening" | "installed">(key: K, value: Kept[K]): Promise<void> {
    return this.#write("state", (store) => store.put(value, key));
  }

  #write(name: string, change: (store: IDBObjectStore) => IDBRequest): Promise<void> {
    const transaction = this.#database.transaction(name, "readwrite");
    change(transaction.objectStore(name));
    return new Promise((resolve, reject) => {
      transaction.oncomplete = () => resolve();
      transaction.onabort = () => reject(transaction.error ?? new Error("IndexedDB"));
    });
  }
}
