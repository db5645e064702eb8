package upstream

// Contact is a person as the CRM reports it. The first block is always
// present, null where the CRM has no value; the rest is left out when empty.
type Contact struct {
	ID               string  `json:"id"`
	TenantID         string  `json:"tenantId"`
	AccountID        *string `json:"accountId"`
	ExternalRef      *string `json:"externalRef"`
	ResolutionStatus string  `json:"resolutionStatus"` // crm_resolved unless the CRM says otherwise
	FirstName        *string `json:"firstName"`
	LastName         *string `json:"lastName"`
	Email            *string `json:"email"`
	Phone            *string `json:"phone"` // E.164 where it can be read as a phone number, else as the CRM has it
	CompanyName      *string `json:"companyName"`
	CreatedAt        *Time   `json:"createdAt"`
	UpdatedAt        *Time   `json:"updatedAt"`

	Name           *string        `json:"name,omitempty"`
	Title          *string        `json:"title,omitempty"`
	Department     *string        `json:"department,omitempty"`
	Emails         []EmailAddress `json:"emails,omitempty"`
	Phones         []PhoneNumber  `json:"phones,omitempty"`
	OwnerID        *string        `json:"ownerId,omitempty"`
	OwnerName      *string        `json:"ownerName,omitempty"`
	LifecycleStage *string        `json:"lifecycleStage,omitempty"`
	Tags           []string       `json:"tags,omitempty"`
	Timezone       *string        `json:"timezone,omitempty"`
	Language       *string        `json:"language,omitempty"`
	LastActivityAt *Time          `json:"lastActivityAt,omitempty"`
	Archived       *bool          `json:"archived,omitempty"`
	URL            *string        `json:"url,omitempty"` // deep link into the CRM; http or https
}

// Account is a company as the CRM reports it, with the same rule for absence.
type Account struct {
	ID               string  `json:"id"`
	TenantID         string  `json:"tenantId"`
	Name             *string `json:"name"`
	ResolutionStatus string  `json:"resolutionStatus"` // crm_resolved unless the CRM says otherwise
	ExternalRef      *string `json:"externalRef"`
	EmailDomain      *string `json:"emailDomain"`
	VATNumber        *string `json:"vatNumber"`
	VATValid         *bool   `json:"vatValid"`
	Country          *string `json:"country"` // ISO 3166-1 alpha-2
	Phone            *string `json:"phone"`
	Website          *string `json:"website"`
	CompanyType      *string `json:"companyType"`
	CreatedAt        *Time   `json:"createdAt"`
	UpdatedAt        *Time   `json:"updatedAt"`

	Description    *string  `json:"description,omitempty"`
	Industry       *string  `json:"industry,omitempty"`
	Employees      *int     `json:"employees,omitempty"`
	AnnualRevenue  *Money   `json:"annualRevenue,omitempty"`
	ParentID       *string  `json:"parentId,omitempty"`
	OwnerID        *string  `json:"ownerId,omitempty"`
	OwnerName      *string  `json:"ownerName,omitempty"`
	LifecycleStage *string  `json:"lifecycleStage,omitempty"`
	Tags           []string `json:"tags,omitempty"`
	LastActivityAt *Time    `json:"lastActivityAt,omitempty"`
	Archived       *bool    `json:"archived,omitempty"`
	URL            *string  `json:"url,omitempty"` // deep link into the CRM; http or https
}

// EmailAddress is one of a contact's addresses.
type EmailAddress struct {
	Value   string  `json:"value"`
	Type    *string `json:"type"`
	Primary bool    `json:"primary"`
}

// PhoneNumber is one of a contact's numbers.
type PhoneNumber struct {
	Value   string  `json:"value"` // E.164 where possible
	Raw     *string `json:"raw"`   // as the CRM has it
	Type    *string `json:"type"`
	Primary bool    `json:"primary"`
}

// Money is an amount in a currency.
type Money struct {
	Amount   float64 `json:"amount"`
	Currency *string `json:"currency"` // ISO 4217
}
