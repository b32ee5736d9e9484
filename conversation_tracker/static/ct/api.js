// Shows the API's schema. A key that is typed in stays in this page.
SwaggerUIBundle({
  url: document.body.dataset.schema,
  dom_id: "#swagger-ui",
  deepLinking: true,
  presets: [SwaggerUIBundle.presets.apis],
  persistAuthorization: false,
  docExpansion: "list",
});
