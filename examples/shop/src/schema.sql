-- Runs at every start, also if two processes start at the same time.
PRAGMA journal_mode = WAL;
BEGIN IMMEDIATE;
CREATE TABLE IF NOT EXISTS tenants (name TEXT PRIMARY KEY, title TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS products (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    tenant TEXT NOT NULL,
    name TEXT NOT NULL,
    cents INTEGER NOT NULL,
    stock INTEGER NOT NULL CHECK (stock >= 0)
);
CREATE INDEX IF NOT EXISTS products_of_tenant ON products (tenant, id);
CREATE TABLE IF NOT EXISTS reviews (
    id INTEGER PRIMARY KEY, product INTEGER NOT NULL, stars INTEGER NOT NULL, text TEXT NOT NULL
);
CREATE INDEX IF NOT EXISTS reviews_of_product ON reviews (product);
CREATE TABLE IF NOT EXISTS orders (id INTEGER PRIMARY KEY, tenant TEXT NOT NULL, customer TEXT NOT NULL);
CREATE INDEX IF NOT EXISTS orders_of_customer ON orders (tenant, customer);
CREATE TABLE IF NOT EXISTS lines (
    "order" INTEGER NOT NULL, product INTEGER NOT NULL, count INTEGER NOT NULL, cents INTEGER NOT NULL
);
CREATE INDEX IF NOT EXISTS lines_of_order ON lines ("order");

INSERT OR IGNORE INTO tenants VALUES ('demo', 'The demo shop'), ('acme', 'Acme Tools');
INSERT OR IGNORE INTO products
WITH RECURSIVE n (id) AS (SELECT 1 UNION ALL SELECT id + 1 FROM n WHERE id < 2000)
SELECT id, CASE WHEN id <= 1000 THEN 'demo' ELSE 'acme' END, 'Product ' || id, 100 + id, 1000000 FROM n;
INSERT OR IGNORE INTO reviews VALUES (1, 1, 5, 'As good as it looks'), (2, 1, 4, 'Works'), (3, 2, 2, 'Too small');
COMMIT;
