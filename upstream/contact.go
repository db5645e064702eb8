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
	AccountIDs     []string       `json:"accountIds,omitempty"` // all of the contact's, AccountID first
	Address        *Address       `json:"address,omitempty"`
	Archived       *bool          `json:"archived,omitempty"`
	URL            *string        `json:"url,omitempty"`    // deep link into the CRM; http or https
	Custom         Custom         `json:"custom,omitempty"` // what the configuration lets pass

	// Account is the record that AccountID names, where the CRM sent it along;
	// nil says nothing. It is no part of the contact.
	Account *Account `json:"-"`
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

	Domain         *string  `json:"domain,omitempty"` // of its web site, where the CRM keeps it or the site's address shows it
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
	Address        *Address `json:"address,omitempty"`
	Archived       *bool    `json:"archived,omitempty"`
	URL            *string  `json:"url,omitempty"`    // deep link into the CRM; http or https
	Custom         Custom   `json:"custom,omitempty"` // what the configuration lets pass
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

// Address is where a contact or an account is, in the CRM's words.
type Address struct {
	Street     *string `json:"street"` // with the number; several lines have \n between them
	City       *string `json:"city"`
	State      *string `json:"state"` // or province, or region
	PostalCode *string `json:"postalCode"`
	Country    *string `json:"country"`   // a name or a code
	Formatted  *string `json:"formatted"` // all of it in one, where the CRM keeps it so
}

// OrNil returns a, or nil if nothing is in it.
func (a Address) OrNil() *Address {
	if a == (Address{}) {
		return nil
	}
	return &a
}

// Money is an amount in a currency.
type Money struct {
	Amount   float64 `json:"amount"`
	Currency *string `json:"currency"` // ISO 4217
}
