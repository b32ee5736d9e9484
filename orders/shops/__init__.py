"""Shops whose orders come by webhook: WooCommerce and Shopify."""
