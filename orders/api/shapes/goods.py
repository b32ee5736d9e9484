"""What the order document says of articles and who sells them. The names are the wire's."""
# ruff: noqa: N815

from __future__ import annotations

from typing import Annotated, Any

from orders.api.shapes.base import (
    Answer,
    Anything,
    Flag,
    Many,
    MaybeObject,
    MaybeText,
    MaybeWhole,
    Number,
    Text,
    Whole,
    or_else,
)


class Dimension(Answer):
    """How large and heavy an article is."""

    cubicweight: Number = 0.0
    height: Number = 0.0
    length: Number = 0.0
    weight: Number = 0.0
    width: Number = 0.0


class AdditionalInfo(Answer):
    """What else is known of an article."""

    brandName: MaybeText = None
    brandId: MaybeText = None
    categoriesIds: MaybeText = None
    categories: Many
    productClusterId: MaybeText = None
    commercialConditionId: MaybeText = None
    dimension: Annotated[Dimension, or_else({})] = Dimension()
    offeringInfo: Anything = None
    offeringType: Anything = None
    offeringTypeId: Anything = None


class ItemAttachment(Answer):
    """What a customer said of an article."""

    content: Annotated[dict[str, Any], or_else({})] = {}
    name: MaybeText = None


class Item(Answer):
    """A position of an order. Prices in minor units."""

    uniqueId: MaybeText = None
    id: Text = ""
    productId: MaybeText = None
    ean: MaybeText = None
    lockId: MaybeText = None
    itemAttachment: Annotated[ItemAttachment, or_else({})] = ItemAttachment()
    attachments: Many
    quantity: Whole = 0
    seller: Text = "1"
    name: MaybeText = None
    refId: MaybeText = None
    price: Whole = 0
    listPrice: Whole = 0
    manualPrice: MaybeWhole = None
    manualPriceAppliedBy: MaybeText = None
    priceTags: Many
    imageUrl: MaybeText = None
    detailUrl: MaybeText = None
    components: Many
    bundleItems: Many
    params: Many
    offerings: Many
    attachmentOfferings: Many
    sellerSku: MaybeText = None
    priceValidUntil: MaybeText = None
    commission: Whole = 0
    tax: Whole = 0
    taxCode: MaybeText = None
    preSaleDate: MaybeText = None
    additionalInfo: Annotated[AdditionalInfo, or_else({})] = AdditionalInfo(categories=[])
    measurementUnit: Text = "un"
    unitMultiplier: Number = 1.0
    sellingPrice: Whole = 0
    isGift: Flag = False
    shippingPrice: MaybeWhole = None
    rewardValue: Whole = 0
    freightCommission: Whole = 0
    priceDefinition: MaybeObject = None
    productCategories: Annotated[dict[str, Any] | None, or_else(None)] = None
    callCenterOperator: MaybeText = None
    serialNumbers: MaybeText = None
    assemblies: Many
    costPrice: MaybeWhole = None
    parentItemIndex: MaybeWhole = None
    parentAssemblyBinding: MaybeText = None


class Seller(Answer):
    """Who sells."""

    id: Text
    name: MaybeText = None
    logo: MaybeText = None
    fulfillmentEndpoint: MaybeText = None


class MetadataItem(Answer):
    """What the catalogue says of an item."""

    Id: Text
    Seller: Text
    Name: MaybeText = None
    SkuName: MaybeText = None
    ProductId: MaybeText = None
    RefId: MaybeText = None
    Ean: MaybeText = None
    ImageUrl: MaybeText = None
    DetailUrl: MaybeText = None
    AssemblyOptions: Many


class Metadata(Answer):
    """What the catalogue says of the items."""

    Items: list[MetadataItem] = []
