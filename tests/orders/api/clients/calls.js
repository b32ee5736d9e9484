// Makes the order calls of the public client, and prints what each gave.
const { OMS } = require("@vtex/clients");

const [order, refused] = process.argv.slice(2);
const headers = { "X-VTEX-API-AppKey": process.env.APP_KEY, "X-VTEX-API-AppToken": process.env.APP_TOKEN };
const silent = { debug() {}, info() {}, warn() {}, error() {} };
const context = { account: "acme", workspace: "master", region: "x", authToken: "none", logger: silent, tracer: { isTraceSampled: false } };
const client = new OMS(context, { headers, timeout: 20000, retries: 0 });

const invoice = {
  type: "Output", issuanceDate: "2026-02-01", invoiceNumber: "F-1", invoiceValue: 13000,
  invoiceUrl: "https://erp.example/F-1", courier: "Fast", trackingNumber: "T-1",
  trackingUrl: "https://fast.example/T-1", dispatchDate: null, items: [{ id: "lamp", price: 5000, quantity: 2 }],
};

async function main() {
  const found = {
    list: await client.listOrders(),
    order: await client.order(order),
    invoice: await client.orderNotification(order, invoice),
    cancel: await client.cancelOrder(refused),
  };
  console.log("ANSWERS " + JSON.stringify(found));
}

main().then(() => process.exit(0), (error) => { console.error(error.message, error.response && error.response.data); process.exit(1); });
